"""The metrics book: what each figure of a campaign means, as data, and how it is counted.

`book` holds the definitions, `measure` counts them in SQL, `statistics` says how sure one may be, and `invariants`
looks every night whether the rows agree with each other. Reports take their figures from here alone."""
