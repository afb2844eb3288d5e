"""What ``stomp bench`` consists of: the plan, the adapters, the workload, what is counted, and the report."""
