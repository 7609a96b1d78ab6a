#!/usr/bin/env python3
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
"""python-loop.py DIR BACKEND ROUNDS - the loop is Python's, the harness is C, in DIR/asyncio.so"""

import asyncio
import ctypes
import os
import sys

lib = ctypes.CDLL(sys.argv[1] + "/asyncio.so")
lib.look.argtypes = [ctypes.c_void_p]
with open(sys.argv[1] + "/blocks/asyncio.inc") as block:  # of doc/LOOPS.md
    exec(block.read())
writers = set()


@ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_char_p)
def loop_open(backend):
    global loop
    if b"uvloop" in backend:
        import uvloop

        loop = uvloop.new_event_loop()
    else:
        loop = asyncio.new_event_loop()
    return True


@ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_int, ctypes.c_int, ctypes.c_void_p)
def loop_watch(fd, ask, data):
    def told():
        loop.stop()  # loop_turn() ends
        lib.look(data)

    if ask < 2:
        watch(loop, fd, told)
    else:
        writers.add(fd)
        loop.add_writer(fd, told)
    return True


@ctypes.CFUNCTYPE(None, ctypes.c_int)
def loop_unwatch(fd):
    if fd in writers:
        writers.remove(fd)
        loop.remove_writer(fd)
    else:
        unwatch(loop, fd)


@ctypes.CFUNCTYPE(None)
def loop_turn():
    loop.run_forever()


argv = [os.fsencode(arg) for arg in sys.argv[1:]]
sys.exit(
    lib.run(loop_open, loop_watch, loop_unwatch, loop_turn, len(argv), (ctypes.c_char_p * len(argv))(*argv))
)
