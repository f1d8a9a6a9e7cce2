"""What pages are made from: figures, standings and exchanges, looked up and put in order."""
