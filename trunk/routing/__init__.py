"""Which of several trunks takes a call, with which caller ID, and when: pure rules without clock or network.

Every function is given the time in seconds (`now_s`, any clock that doesn't go back). `Router` is the whole of it;
`Pace` limits calls per second, `Breaker` takes a failing trunk out of service and back, `CallerIds` shares out the
numbers to show. `ivr.dialer.trunk_routes` connects it with live trunks."""
