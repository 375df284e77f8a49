"""The simulated hub: the API and the books behind it, with a hand that moves the world and breaks the wire.

An application of its own that imports nothing of the service. See `docs/simulator.md`.
"""

from service.simulator.behaviour import Behaviour, ErrorsShape
from service.simulator.clock import Clock
from service.simulator.simulator import Simulator
from service.simulator.transport import SimulatorTransport

__all__ = ["Behaviour", "Clock", "ErrorsShape", "Simulator", "SimulatorTransport"]
