"""Generates the stubs that the functions and the client of these tests import.

usage: kinds_stubs.py PROTOCOL_PROTOS OUTPUT_FOLDER
"""

import pathlib
import sys

from grpc_tools import protoc

protocol, output = sys.argv[1:]
here = pathlib.Path(__file__).parent
well_known = pathlib.Path(protoc.__file__).parent / "_proto"
files = [
    "cloudstate/entity.proto",
    "cloudstate/entity_key.proto",
    "cloudstate/event_sourced.proto",
    "cloudstate/value_entity.proto",
    "cloudstate/action.proto",
    "cloudstate/eventing.proto",
]
pathlib.Path(output, "cloudstate").mkdir(parents=True, exist_ok=True)
# A package of its own, found before the library of the same name.
pathlib.Path(output, "cloudstate", "__init__.py").touch()
status = 0
for name in ("kinds", "events"):
    status = status or protoc.main(
        ["protoc", f"-I{here}", f"-I{protocol}", f"-I{well_known}",
         f"--python_out={output}", f"--grpc_python_out={output}", "--include_imports",
         f"--descriptor_set_out={output}/{name}.binpb"] + files + [f"{name}.proto"])
sys.exit(status)
