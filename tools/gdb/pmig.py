# pmig.py: gdb shows of a program that pmig has moved the callers too.
#
#	gdb -x pmig.py PROGRAM [CORE|PID]        or, in gdb: source pmig.py
#
# After a restore no native stack is rebuilt: the innermost function runs, and the frames further out wait, as they were
# captured, until it returns (runtime/frame/resume.h). A backtrace then shows the one function and the runtime's driver. This
# frame filter puts the waiting frames there, with names, files and lines, and leaves the driver out; `bt -no-filters` shows the
# stack as it is.

import struct

import gdb
from gdb.FrameDecorator import FrameDecorator

DRIVER = "resume_drive"
INNER = {"call", "ffi_call", "ffi_call_int", "ffi_call_unix64"}
VERSION = 4  # of struct program, runtime/frame/program.h


def read(address, form):
    """What lies at an address, as struct.unpack has it."""
    size = struct.calcsize(form)
    return struct.unpack(form, bytes(gdb.selected_inferior().read_memory(address, size)))


def text(address):
    return gdb.Value(address).cast(gdb.lookup_type("char").pointer()).string()


class Program:
    """The tables of the instrumenter: which function and line a site is in."""

    def __init__(self):
        address = int(gdb.parse_and_eval("(unsigned long)&pmig_program"))
        version, self.functions_count, self.sites_count, _, _, self.functions, self.sites = read(address, "=5I4x2Q")
        if version != VERSION:
            raise gdb.GdbError("pmig.py is for another version of libpmig")

    def place(self, site):
        if site >= self.sites_count:
            raise gdb.GdbError("site %d is none of the program's" % site)
        function, line = read(self.sites + 40 * site, "=2I")
        name, file = read(self.functions + 48 * function, "=2Q")
        return "main" if text(name) == "pmig_main" else text(name), text(file), line


class Waiting(FrameDecorator):
    """A frame that was captured and has not been resumed yet. `driver` stands for it where gdb wants a frame."""

    def __init__(self, driver, place):
        super().__init__(driver)
        self.place = place

    def function(self):
        return self.place[0]

    def filename(self):
        return self.place[1]

    def line(self):
        return self.place[2]

    def address(self):
        return None

    def frame_args(self):
        return None

    def frame_locals(self):
        return None


def waiting_places(driver):
    """Function, file and line of each waiting frame of the selected thread, innermost first."""
    before = gdb.selected_frame()
    driver.select()  # `pending` is a name of its file
    try:
        address = int(gdb.parse_and_eval("(unsigned long)&pending"))
    finally:
        before.select()
    at, end, count = read(address, "=3Q")
    program = Program()
    for _ in range(count):
        site, size = read(at, "=2I")
        yield program.place(site)
        at += 8 + size
        if at > end:
            return


class Resumed:
    """The frame filter."""

    def __init__(self):
        self.name = "pmig"
        self.priority = 100
        self.enabled = True
        gdb.frame_filters[self.name] = self

    def filter(self, frames):
        held = []
        for frame in frames:
            native = frame.inferior_frame()
            if native.name() in INNER:
                held.append(frame)  # the program may have a function of such a name
                continue
            if native.name() == DRIVER:
                for place in waiting_places(native):
                    yield Waiting(frame, place)
                return
            yield from held
            held = []
            yield frame
        yield from held


Resumed()
