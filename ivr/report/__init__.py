"""What a campaign's results become: JSON, spreadsheets, a page."""
