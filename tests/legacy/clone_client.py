"""A client of RFC 12 on real libzmq, in Python, against `zmtp clone serve --chp`: `clone_client.py PATH-TO-ZMTP`.

It needs pyzmq. `.ci/run pyzmq` installs that and runs this.
"""

import random
import struct
import subprocess
import sys
import time
import uuid

import zmq

SOON = 20_000
BEAT = 1.0


class Server:
    """Ours, for clients of both kinds, on ports that were free a moment ago."""

    def __init__(self, zmtp):
        self.zmtp = zmtp
        for _ in range(10):
            port = random.randrange(20_000, 30_000)
            self.at, self.chp = f"tcp://127.0.0.1:{port}", port + 3
            command = [zmtp, "clone", "serve", "--at", self.at, "--chp", f"tcp://127.0.0.1:{self.chp}"]
            self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
            # It says six times where it is, or why it cannot be there.
            said = [self.process.stderr.readline() for _ in range(6)]
            if all(line.startswith("bound ") for line in said):
                return
            self.end()
        raise SystemExit(f"the server does not begin: {said}")

    def run(self, *arguments):
        """A client of ours: its exit code, and what it says."""
        command = [self.zmtp, "clone", *arguments, "--connect", self.at, "--timeout", "20s"]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
        return ended.returncode, ended.stdout.strip()

    def end(self):
        self.process.terminate()
        self.process.wait(timeout=20)


class Guide:
    """What RFC 12 gives a client: a DEALER for the snapshot, a SUB for what changes, a PUB for what it sets."""

    def __init__(self, context, port, subtree):
        self.subtree = subtree
        self.snapshots, self.updates, self.changes = (
            context.socket(kind) for kind in (zmq.DEALER, zmq.SUB, zmq.PUB)
        )
        for number, socket in enumerate((self.snapshots, self.updates, self.changes)):
            socket.linger = 0
            socket.rcvtimeo = SOON
            if socket is self.updates:
                socket.subscribe(subtree)
                # When this is in force, so is the one before it.
                socket.subscribe(b"HUGZ")
            socket.connect(f"tcp://127.0.0.1:{port + number}")
        self.beat()
        self.state, self.upto = self.snapshot()

    def beat(self):
        """Waits for a heartbeat, and passes over what else is said."""
        while True:
            key, sequence, _, _, value = self.updates.recv_multipart()
            if key == b"HUGZ":
                assert (number(sequence), value) == (0, b""), (sequence, value)
                return

    def snapshot(self):
        """ICANHAZ? is answered by KVSYNC as often as there are keys, and then KTHXBAI."""
        self.snapshots.send_multipart([b"ICANHAZ?", self.subtree])
        state, highest = {}, 0
        while True:
            key, sequence, _, _, value = self.snapshots.recv_multipart()
            if key == b"KTHXBAI":
                assert value == self.subtree and highest <= number(sequence), (value, highest, sequence)
                return state, number(sequence)
            assert key.startswith(self.subtree) and key not in state, key
            state[key], highest = value, max(highest, number(sequence))

    def follow(self):
        """The next change, as it is told, and done to what this client has."""
        while True:
            key, sequence, _, properties, value = self.updates.recv_multipart()
            if key == b"HUGZ":
                continue
            assert key.startswith(self.subtree), key
            if number(sequence) <= self.upto:
                # It was in the snapshot.
                continue
            self.upto = number(sequence)
            if value:
                self.state[key] = value
            else:
                self.state.pop(key, None)
            return key, value, properties

    def set(self, key, value, properties=b""):
        self.changes.send_multipart([key, bytes(8), uuid.uuid4().bytes, properties, value])

    def is_told(self, millis):
        return self.updates.poll(millis)


def number(sequence):
    assert len(sequence) == 8, sequence
    return struct.unpack("!Q", sequence)[0]


def joins(server, context):
    """What there is, all of it and a part of it."""
    for key, value in (("/lamp/hall", "on"), ("/lamp/desk", "off"), ("/door", "shut")):
        assert server.run("set", key, value)[0] == 0
    everything, lamps = Guide(context, server.chp, b""), Guide(context, server.chp, b"/lamp/")
    assert lamps.state == {b"/lamp/hall": b"on", b"/lamp/desk": b"off"}, lamps.state
    assert everything.state == {b"/door": b"shut", **lamps.state}, everything.state
    return everything, lamps


def follows(server, everything, lamps):
    """What our own clients write is told in its order, and of the part that is followed only."""
    assert server.run("set", "/door", "open")[0] == 0
    assert server.run("set", "/lamp/hall", "red")[0] == 0
    assert server.run("del", "/lamp/desk")[0] == 0
    told = [(b"/door", b"open", b""), (b"/lamp/hall", b"red", b""), (b"/lamp/desk", b"", b"")]
    heard = [everything.follow() for _ in told]
    assert heard == told, heard
    heard = [lamps.follow() for _ in told[1:]]
    assert heard == told[1:], heard
    assert lamps.upto == everything.upto


def writes(server, everything, lamps):
    """It is told of what it has set itself, and so is everybody; a key with a time to live goes when that is over."""
    # A PUB drops what it says before the server has subscribed to it.
    while True:
        lamps.set(b"/lamp/cellar", b"on")
        if lamps.is_told(100) and lamps.follow()[0] == b"/lamp/cellar":
            break
    # What was said too often comes before this.
    lamps.set(b"/lamp/attic", b"last")
    while lamps.follow()[0] != b"/lamp/attic":
        pass

    begun = time.monotonic()
    lamps.set(b"/lamp/porch", b"dim", b"ttl=1\n")
    while (told := lamps.follow())[0] != b"/lamp/porch":
        pass
    assert told == (b"/lamp/porch", b"dim", b"ttl=1\n"), told
    assert server.run("get", "/lamp/porch") == (0, "dim") or time.monotonic() - begun >= 1
    while (told := lamps.follow())[0] != b"/lamp/porch":
        pass
    lived = time.monotonic() - begun
    assert told == (b"/lamp/porch", b"", b"") and lived >= 1, (told, lived)
    assert server.run("get", "/lamp/porch")[0] == 1

    # Any octets; and an empty value deletes.
    octets = bytes(range(256))
    lamps.set(b"/lamp/octets", octets)
    lamps.set(b"/lamp/hall", b"")
    while b"/lamp/hall" in lamps.state:
        lamps.follow()
    assert lamps.state == {b"/lamp/cellar": b"on", b"/lamp/attic": b"last", b"/lamp/octets": octets}
    assert server.run("get", "/lamp/hall")[0] == 1
    assert server.run("ls", "/lamp/")[1].splitlines() == ["/lamp/attic", "/lamp/cellar", "/lamp/octets"]
    while everything.upto < lamps.upto:
        everything.follow()
    assert everything.state == {b"/door": b"open", **lamps.state}, everything.state


def joins_late(server, context, everything):
    """Whoever comes now is told the same as whoever was there."""
    late = Guide(context, server.chp, b"")
    assert (late.state, late.upto) == (everything.state, everything.upto), late.state


def beats(lamps):
    """HUGZ comes about once a second, whatever is followed."""
    lamps.beat()
    begun = time.monotonic()
    lamps.beat()
    lamps.beat()
    waited = time.monotonic() - begun
    # Those that were late on a busy machine come closer together.
    assert BEAT / 2 < waited < 10 * BEAT, waited


def main(zmtp):
    print(f"pyzmq {zmq.__version__} on libzmq {zmq.zmq_version()}")
    server = Server(zmtp)
    try:
        with zmq.Context() as context:
            everything, lamps = joins(server, context)
            follows(server, everything, lamps)
            writes(server, everything, lamps)
            joins_late(server, context, everything)
            beats(lamps)
            context.destroy(linger=0)
    finally:
        server.end()
    print("a client of RFC 12 reads, follows and writes")


if __name__ == "__main__":
    main(*sys.argv[1:])
