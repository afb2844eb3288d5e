"""How fast the library is, beside other Python clients and `json`, in one run on one interpreter: `make bench`.

`run.py` measures the pure layers, `memory.py` what large and hostile input costs, `brokers.py` the adapters.
"""
