"""Every run that is not over brought up to date, several remotes at a time.

Others call `engine.sync` with a `request.Visit`, `preview.plans` and `copies`,
`plan_report.show`, `rounds.watch`, `report.Report`, `schedules.line`, `units` and
`write_units`, `ledger.read` and `entries`, `lost.doubt`, and read `outcomes.Outcome`.
"""
