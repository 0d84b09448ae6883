"""The kernel over files: logged facts and a contract in, every period's verdict and money out. Pure."""
