"""Who the customer is: what they key is compared, wrong entries are counted, what it came to is kept."""
