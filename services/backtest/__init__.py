"""`vouch backtest`: files of events, quantities and tickets to what a contract says of them. No server."""
