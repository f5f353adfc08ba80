from dataclasses import dataclass
@dataclass(frozen=True)
class Leave:
    def pause(self, refusals, stream):
        return None
@dataclass(frozen=True)
class Retry:
    mean: float = 1.0
    tries: int | None = None
    def pause(self, refusals, stream):
        return stream.expovariate(1/self.mean) if self.tries is None or refusals < self.tries else None
