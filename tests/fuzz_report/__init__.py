"""What the fuzzer has found in brokers and clients of others, and the programs that it is played to."""
