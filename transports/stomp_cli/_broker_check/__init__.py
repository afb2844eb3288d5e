"""What ``stomp check`` finds out: a function for each question, each with a connection of its own."""
