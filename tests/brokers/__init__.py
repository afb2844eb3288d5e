"""Real brokers for the tests: each in a temporary folder, on free ports of 127.0.0.1, gone when the tests are.

    broker = RabbitMQ()
    broker.start()      # returns when a CONNECT was answered by CONNECTED
    broker.url          # stomp://admin:password@127.0.0.1:PORT
    broker.kill()       # SIGKILL; restart() brings it back with its data, on the same ports
    broker.stop()

They use nothing of the library that they test.
"""

from .activemq import ActiveMQ
from .base import Broker, BrokerError
from .rabbitmq import RabbitMQ

__all__ = ["ActiveMQ", "Broker", "BrokerError", "RabbitMQ"]
