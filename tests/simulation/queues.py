"""Queues as SQS keeps its promise: at least once, in any order, late, and after some tries to the dead
letters.

A batch goes to a process that is free, or to a new one. What its handler names as failed, and everything
when it dies, is visible again after a while.
"""

from dataclasses import dataclass, field

from tests.simulation.outside import Way

MOST_RECEIVES = 5
BATCH = {"orders": 4, "delivery": 4, "imports": 1, "outbound": 4}
HIDDEN = {"orders": 120_000, "delivery": 180_000, "imports": 300_000, "outbound": 240_000}
"""Milliseconds for which a batch is hidden from others while a handler works on it; longer than it may
work.
"""


@dataclass(eq=False)
class Message:
    id: str
    body: str
    receives: int = 0

    def record(self) -> dict:
        """As a function gets it."""
        return {
            "messageId": self.id,
            "body": self.body,
            "attributes": {"ApproximateReceiveCount": str(self.receives)},
        }


@dataclass
class Queues:
    """Stands where boto3's SQS client stands; queues are named by their address. `serve(queue, records)`
    starts a handler and has `done(failed)` called once it ended, or never.
    """

    way: Way
    scheduler: object
    chance: object
    serve: object = None
    read: object = lambda text: None
    visible: dict[str, list[Message]] = field(default_factory=lambda: {name: [] for name in BATCH})
    dead: dict[str, list[Message]] = field(default_factory=lambda: {name: [] for name in BATCH})
    sent: int = 0

    def send_message(self, QueueUrl, MessageBody, DelaySeconds):
        return self.way.go(
            f"Send to {QueueUrl}",
            "write",
            MessageBody,
            lambda: self._take(QueueUrl, MessageBody, DelaySeconds),
        )

    def send_message_batch(self, QueueUrl, Entries):
        about = "; ".join(entry["MessageBody"] for entry in Entries)
        return self.way.go(f"Send to {QueueUrl}", "write", about, lambda: self._take_all(QueueUrl, Entries))

    def _take_all(self, queue, entries):
        failed = []
        for entry in entries:
            if self.chance.happens("failed", 0.05):
                failed.append({"Id": entry["Id"], "Code": "InternalError"})
            else:
                self._take(queue, entry["MessageBody"], entry["DelaySeconds"])
        return {"Failed": failed}

    def _take(self, queue, body, delay):
        self.read(body)
        if self.chance.happens("forgotten"):
            return
        copies = 1 + self.chance.happens("duplicate")
        for _ in range(copies):
            self.sent += 1
            message = Message(f"{queue}-{self.sent}", body)
            late = self.chance.long() if self.chance.happens("delayed") else self.chance.latency()
            self._show(queue, message, delay * 1000 + late)

    def _show(self, queue, message, delay):
        def come() -> None:
            self.visible[queue].append(message)
            self.scheduler.after(self.chance.latency(), lambda: self._hand_out(queue))

        self.scheduler.after(delay, come)

    def _hand_out(self, queue):
        waiting = self.visible[queue]
        if not waiting:
            return
        self.chance.random.shuffle(waiting)
        batch = [waiting.pop() for _ in range(min(len(waiting), self.chance.random.randint(1, BATCH[queue])))]
        if waiting:
            self.scheduler.after(self.chance.latency(), lambda: self._hand_out(queue))
        for message in batch:
            message.receives += 1
        left = {message.id: message for message in batch}
        self.serve(queue, [message.record() for message in batch], lambda failed: self._done(left, failed))
        self.scheduler.after(HIDDEN[queue], lambda: self._again(queue, left))

    def _done(self, left, failed):
        """What was done is deleted, unless the word of it is lost."""
        for name in [name for name in left if name not in failed]:
            if not self.chance.happens("undeleted"):
                del left[name]

    def _again(self, queue, left):
        for message in left.values():
            if message.receives >= MOST_RECEIVES:
                self.dead[queue].append(message)
            else:
                self._show(queue, message, 0)

    def redrive(self, queue: str) -> int:
        """Put the dead letters back, as an operator does; returns how many there were."""
        letters, self.dead[queue] = self.dead[queue], []
        for message in letters:
            message.receives = 0
            self._show(queue, message, 0)
        return len(letters)
