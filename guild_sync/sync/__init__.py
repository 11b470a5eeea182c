"""Every run that is not over brought up to date, several remotes at a time.

Others call `engine.sync` with a `request.Visit`, `preview.plans` and `copies`,
`plan_report.show`, `rounds.watch`, `report.Report`, `crontab.line`, `ledger.read` and
`entries`, `lost.doubt`, and read `outcomes.Outcome`.
"""
