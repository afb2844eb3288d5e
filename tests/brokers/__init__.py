"""Real brokers for the tests: each in a temporary folder, on free ports of 127.0.0.1, removed after the tests.

    broker = RabbitMQ()
    broker.start()      # returns when it answers a CONNECT with CONNECTED
    broker.url          # stomp://admin:password@127.0.0.1:PORT
    broker.kill()       # SIGKILL; restart() starts it again with its data, on the same ports
    broker.stop()

They do not use the library that they test.
"""

from .activemq import ActiveMQ
from .base import Broker, BrokerError
from .rabbitmq import RabbitMQ

__all__ = ["ActiveMQ", "Broker", "BrokerError", "RabbitMQ"]
