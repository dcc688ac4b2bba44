"""The phone network behind one port: `trunk.ports`. `trunk.carrier` is the simulated one."""
