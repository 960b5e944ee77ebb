# websocket.py URL: messages to a WebSocket server that sends each back, until standard input has a line; says once a second how many, and at the end the
# longest time without one, and how much of that this process itself was not given the processor.
import asyncio
import random
import sys
import time

import websockets


class Talk:
    sent, heard, total, longest, lost, idle, last = 0, 0, None, 0.0, 0.0, 0.0, time.monotonic()
    over = False


def message(number):
    own = random.Random(number)
    size = own.choice([0, 1, 125, 126, 1000, 65535, 65536, 200000])
    return "%d %s" % (number, "x" * size) if number % 2 else b"%d " % number + own.randbytes(size)


async def pause(seconds):
    await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=seconds)


async def send(socket, room):
    while Talk.total is None:
        await room.acquire()
        if Talk.over:
            Talk.total = Talk.sent + 1
        await socket.send(message(Talk.sent))
        Talk.sent += 1
        if Talk.sent % 50 == 0:
            await (await socket.ping())
        await pause(0.002)


async def hear(socket, room):
    while Talk.total is None or Talk.heard < Talk.total:
        got = await socket.recv()
        assert got == message(Talk.heard), "message %d is not what was sent" % Talk.heard
        now = time.monotonic()
        gap = now - Talk.last
        if gap - Talk.idle > Talk.longest - Talk.lost:
            Talk.longest, Talk.lost = gap, Talk.idle
        Talk.last, Talk.idle = now, 0.0
        Talk.heard += 1
        if Talk.heard % 100 == 0:
            print("so far", Talk.heard, flush=True)
        room.release()


async def tick():
    while True:
        before = time.monotonic()
        await pause(0.01)
        Talk.idle += time.monotonic() - before - 0.01


async def stop():
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    Talk.over = True


async def main():
    async with websockets.connect(sys.argv[1], max_queue=4) as socket:
        room = asyncio.Semaphore(10)
        ticks = asyncio.create_task(tick())
        await asyncio.gather(send(socket, room), hear(socket, room), stop())
        ticks.cancel()
    print("%d messages, closed by both with %d; longest gap %.0f ms, of them %.0f without the processor"
          % (Talk.heard, socket.close_code, 1000 * Talk.longest, 1000 * Talk.lost))


asyncio.run(main())
