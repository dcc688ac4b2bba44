"""Rows out of the database as CSV or XLSX, row by row in bounded memory; workbooks under a password on request.

`ivr.exports.campaign.export_campaign` and `ivr.exports.lists.export_list` are the doors; `workbook` and `files`
are what they write with. Whatever people or networks said is text: no spreadsheet runs it as a formula."""
