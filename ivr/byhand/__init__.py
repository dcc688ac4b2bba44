"""Tasks by hand: campaigns whose contacts are called by people, with the flow as their script.

`service.Tasks` is the door for the command line and the web; `script` runs the flow, `calling` makes the calls."""
