"""Real calls through Asterisk 18 or newer: AMI says what happens, AudioSocket carries the sound.

`Pbx` is one Asterisk as one process of ours uses it: one AMI connection, one AudioSocket server, one media clock.
`AsteriskTrunk` is one of its PJSIP endpoints, behind `trunk.ports.Trunk`; several share a Pbx."""
