#!/usr/bin/env python3
# SPDX-License-Identifier: 0BSD
# Copyright (c) 2026 the barrier authors
"""python-loop.py DIR/LOOP LOOP ROUNDS FORGOTTEN - the loop is Python's, the harness the file"""

import ctypes
import importlib
import os
import sys

module = importlib.import_module(sys.argv[2])
lib = ctypes.CDLL(sys.argv[1])
lib.look.argtypes = [ctypes.c_void_p]
with open(os.path.dirname(sys.argv[1]) + "/blocks/asyncio.inc") as block:  # of doc/LOOPS.md
    exec(block.read())


def py_open():
    global loop
    loop = module.new_event_loop()


def py_watch(fd, what, data):
    def told():
        loop.stop()  # py_turn() ends
        lib.look(data)

    if what == 0:
        watch(loop, fd, told)
    else:
        loop.add_writer(fd, told)
    return True


def py_unwatch(fd):
    unwatch(loop, fd)
    loop.remove_writer(fd)


def py_turn():
    loop.run_forever()


functions = [
    ctypes.CFUNCTYPE(None)(py_open),
    ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_int, ctypes.c_int, ctypes.c_void_p)(py_watch),
    ctypes.CFUNCTYPE(None, ctypes.c_int)(py_unwatch),
    ctypes.CFUNCTYPE(None)(py_turn),
]
for name, function in zip(["py_open", "py_watch", "py_unwatch", "py_turn"], functions):
    ctypes.c_void_p.in_dll(lib, name).value = ctypes.cast(function, ctypes.c_void_p).value
argv = [os.fsencode(arg) for arg in sys.argv[1:]]
sys.exit(lib.main(len(argv), (ctypes.c_char_p * len(argv))(*argv)))
