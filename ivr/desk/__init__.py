"""The desk: the people who take and make calls. `states` says which state may follow which, `presence` keeps each
agent's state and its history, `roster` reads who they are."""
