"""The hub's endpoints, one module per group: functions from a call to an answer.

Rights, headers, budget and faults are the gateway's; an endpoint sees a call that may be answered.
"""
