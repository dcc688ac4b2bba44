"""The same work done by two well-known frameworks and by us, in one run; see `bench.peers.command`.

Nothing is imported here: the peers' servers run in environments of their own, without click and rich."""
