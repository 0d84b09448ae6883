"""Facts to time by verdict: `ruling`, `stretches`, `allowances`, and all of them in `policy`."""
