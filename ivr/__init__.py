"""The business: who is called, what became of it, and the command line. Wires flows, prompts, speech and trunk."""
