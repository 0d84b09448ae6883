"""Verdict to money: one guarantee and period alone (`settle`), then what periods and guarantees share (`ledger`)."""
