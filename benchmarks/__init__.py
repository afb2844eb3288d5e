"""Compare the speed of this library with other Python clients and `json`, in one run of one interpreter: `make bench`.

`run.py` measures the pure layers, `memory.py` large and hostile input, `brokers.py` whole clients, `connections.py` the
memory of a connection, `stomp_py_facade.py` the API of stomp.py.
"""
