"""`vouch evaluate`: detectors and prognosis on labelled history, through the code that runs in production."""
