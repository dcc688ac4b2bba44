"""Quality inspection: which calls are heard and why, how they are scored, and what follows.

Pure: `schema`, `card`, `sampling`, `signals`, `settling`, `kappa`, `timeline`, `syllables`. The others
read and write rows: `papers`, `picking`, `scoring`, `faults`, `appeals`, `playlists`, `figures`, `screen`."""
