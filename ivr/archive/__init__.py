"""The archive of recordings: filed by year, month and project, kept as long as their kind says, chained.

`filing` files recordings, `registers` a month's results, `pruning` deletes what is past its time, `holds` keeps
that from happening, `verifying` reads everything again, `reconciling` asks whether results and recordings agree,
`nightly` is what a worker does. `chain` is the entries, `places` the files: both know nothing of the rest.
docs/archive.md."""
