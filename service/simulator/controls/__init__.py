"""The hand that moves the world: what a test, a demo or the control API may change.

One class per subject; `Simulator` is all of them. Ids are the hub's own, amounts integers of minor units,
dates `date` or ISO text, so that the HTTP form of each method is its arguments as JSON.
"""
