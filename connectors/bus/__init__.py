"""The bus: the ledger that makes commits correct, the stage that owns everything dangerous, and the Faust app."""
