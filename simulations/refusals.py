from dataclasses import dataclass
from simulations.holding import parse_holding
@dataclass(frozen=True)
class Leave:
    def pause(self, refusals, stream):
        return None
@dataclass(frozen=True)
class Retry:
    pause_: str = 'exp:1'
    tries: int | None = None
    def pause(self, refusals, stream):
        return parse_holding(self.pause_).draw(stream) if self.tries is None or refusals < self.tries else None
