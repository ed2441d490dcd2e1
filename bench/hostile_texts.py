"""Texts and values that nobody expects where they stand: what `hostile.py` writes into files."""

HUGE = "9" * 5000

DEEP = "[" * 100_000

VALUES: dict[str, object] = {
    "text": "text",
    "nothing": "",
    "blob": b"\xde\xad\x00",
    "none": None,
    "below 0": -1,
    "fraction": 0.5,
    "most": 2**63 - 1,
    "endless": float("inf"),
    "zero byte": "a\0b",
    "megabyte": "x" * 1_000_000,
    "markup": "<script>[red]\x1b[31m%s{0}",
    "deep": "[" * 100_000,
    "half a letter": '{"dagster_event": {"message": "\\ud800"}, "pipeline_name": "\\ud800", '
    '"tags": {"a": "\\ud800"}}',
    "huge pid": f'{{"dagster_event": {{"pid": 1}}, "x": {{"pid": {HUGE}}}}}, "pid": {HUGE}',
    "other form": '{"dagster_event": [], "run_config": 1, "tags": [], "pipeline_code_origin": 1}',
    "strange config": '{"run_config": {"execution": {"config": {"multiprocess": {"max_concurrent": '
    '1e400, "start_method": {"forkserver": {"preload_modules": [1, {}]}}}}}}, "tags": {"a": []}}',
    "many workers": '{"run_config": {"execution": {"config": {"multiprocess": {"max_concurrent": '
    f"{10**300}"
    "}}}}}",
    "strange origin": '{"pipeline_code_origin": {"pipeline_name": "../../\\u0000x", '
    '"repository_origin": {"code_pointer": {"module": "", "python_file": 3, "fn_name": {}}}}}',
    "a later zone": "2023-01-01T00:00:00+99:99",
    "the year 1": "0001-01-01 00:00:00",
}
"""By name, what stands in a column of a database instead of its value."""

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
"""A few lines that hold 9^9 values, once each alias stands for what it names."""

TEXTS: dict[str, str | bytes] = {
    "empty": "",
    "a comment": "# nothing\n",
    "null": "~",
    "a number": "12",
    "a text": "text",
    "a list": "- 1\n- 2\n",
    "lists of lists": "- [[[]]]\n- [{}]\n",
    "two documents": "a: 1\n---\nb: 2\n",
    "an open list": "a: [",
    "an open text": 'a: "x',
    "a tab": "a:\n\t- b\n",
    "a colon": "a: b: c",
    "a date of none": "a: 2020-99-99",
    "a date": "ops: 2020-01-01\n",
    "digits": f"ops: {HUGE}",
    "a deep list": "[" * 5000,
    "a closed deep list": "[" * 5000 + "]" * 5000,
    "a deep mapping": "".join(" " * n + "a:\n" for n in range(1500)),
    "a tag": "a: !!python/name:os.system",
    "an object": "a: !!python/object/apply:os.system ['true']",
    "a binary": "a: !!binary xyz",
    "a set": "a: !!set {b, c}",
    "pairs": "a: !!omap [b: 1]",
    "a zero byte": "a: \0",
    "an unknown anchor": "a: *b",
    "itself": "&a [*a]",
    "itself in itself": "ops: &a\n  b: *a\n",
    "a key that is a list": "? [a, b]\n: 1\n",
    "a key that is a mapping": "? {a: b}\n: 1\n",
    "keys that are numbers": "1: a\n2.5: b\ntrue: c\n",
    "a key that is nothing": "~: a\n",
    "a key twice": "ops: {}\nops: {}\n",
    "merged": "a: &a {b: 1}\nops: {<<: *a}\n",
    "a merge of a list": "ops: {<<: [1, 2]}\n",
    "many copies": LAUGHS,
    "infinity": "ops: .inf\nresources: -.inf\n",
    "none of a number": "ops: .nan\n",
    "no UTF-8": b"ops: \xff\xfe\n",
    "UTF-16": "ops: {}\n".encode("utf-16"),
    "a mark": "\ufeffops: {}\n",
    "half a letter": 'a: "\\ud800"\n',
    "control characters": 'ops: "\\e[31m\\0"\n',
    "emoji": "ops: \U0001f4a5\n",
    "one long line": "ops: " + "x" * 1_000_000,
    "many lines": "a: 1\n" * 20_000,
    "a directive": "%YAML 9.9\n---\nops: {}\n",
    "only dashes": "---\n...\n",
    "a folded text": "ops: >-\n  x\n",
    "storage: a list": "storage: [1]\n",
    "storage: text": "storage: postgres\n",
    "storage: unknown": "storage: {oracle: {}}\n",
    "a folder of none": "storage: {sqlite: {}}\n",
    "a folder of a number": "storage: {sqlite: {base_dir: 3}}\n",
    "a folder of a zero byte": 'storage: {sqlite: {base_dir: "a\\0b"}}\n',
    "a folder of none in the environment": "storage: {sqlite: {base_dir: {env: NONE_SUCH}}}\n",
    "a server": "storage: {postgres: {postgres_url: 'postgresql://x:y@localhost:1/z'}}\n",
    "a server with a port of text": "storage: {postgres: {postgres_db: {hostname: h, port: x, "
    "username: u, password: p, db_name: d}}}\n",
    "a server of a list": "storage: {postgres: [1]}\n",
    "a URL of none": "storage: {mysql: {mysql_url: 3}}\n",
    "old sections": "run_storage: 3\nevent_log_storage: [postgres]\n",
    "a class of a list": "run_storage: {class: [x]}\nevent_log_storage: {class: {}}\n",
    "loggers of none": "python_logs: {managed_python_loggers: [[], {}, root], "
    "python_log_level: 3}\n",
    "loggers of text": "python_logs: x\ncompute_logs: [NoOp]\n",
    "a level": "python_logs: {python_log_level: []}\n",
    "locations: none": "load_from:\n",
    "locations: text": "load_from: x\n",
    "a location: number": "load_from: [3]\n",
    "a file that is a list": "load_from: [{python_file: [1]}]\n",
    "no such file": "load_from: [{python_file: no.py}]\n",
    "no such module": "load_from: [{python_module: no_such}]\n",
    "a module of a number": "load_from: [{python_module: 3}]\n",
    "a module of a zero byte": 'load_from: [{python_module: "a\\0b"}]\n',
    "a file of a zero byte": 'load_from: [{python_file: "a\\0b.py"}]\n',
    "a server of code": "load_from: [{grpc_server: {host: localhost, port: 1}}]\n",
    "a folder with a zero byte": "load_from: [{python_file: {relative_path: m.py, "
    'working_directory: "\\0"}}]\n',
    "ops: unknown": "ops: {nobody: {config: {a: 1}}}\n",
    "ops: a list": "ops: [1]\n",
    "execution: unknown": "execution: {config: {nothing: 1}}\n",
    "a number as a section": "execution: 3\nresources: 4\n",
    "workers of none": "execution: {config: {multiprocess: {max_concurrent: -3}}}\n",
    "workers of many": "execution: {config: {multiprocess: {max_concurrent: 1e400}}}\n",
    "a preload list of numbers": "execution: {config: {multiprocess: {start_method: {forkserver: "
    "{preload_modules: [1, ~]}}}}}\n",
    "globals: strange": "global: 3\n",
    "logs: strange": "userDeployments: [3]\ndagsterDaemon: {runLauncher: x}\n",
}
"""YAML by name, for run config, inputs, workspace, dagster.yaml, Helm values and hooks."""

TOML = {
    "tool: number": "tool = 1\n",
    "dagster: text": '[tool]\ndagster = "x"\n',
    "modules: numbers": "[tool.dagster]\nmodules = [1, 2]\n",
    "modules: one": "[tool.dagster]\nmodules = 3\n",
    "a module of none": "[tool.dagster]\nmodule_name = 3\n",
    "a module without a name": '[tool.dagster]\nmodules = [{type = "module"}]\n',
    "dg: list": "[tool]\ndg = [1]\n",
    "dg: project text": '[tool.dg]\nproject = "x"\n',
    "a root of a number": "[tool.dg.project]\nroot_module = 3\n",
    "a workspace of itself": '[[tool.dg.workspace.projects]]\npath = "."\n',
    "a workspace without paths": "[[tool.dg.workspace.projects]]\nx = 1\n",
    "a workspace of a number": "[tool.dg.workspace]\nprojects = 3\n",
    "a path of a number": "[[tool.dg.workspace.projects]]\npath = 3\n",
    "a path of a zero byte": '[[tool.dg.workspace.projects]]\npath = "a\\u0000b"\n',
    "a workspace above": '[[tool.dg.workspace.projects]]\npath = ".."\n',
    "deep": f"[tool.dagster]\nx = {DEEP}\n",
    "a module of a zero byte": '[tool.dagster]\nmodule_name = "a\\u0000b"\n',
    "empty names": '[tool.dagster]\nmodule_name = ""\n',
    "dots": '[tool.dagster]\nmodule_name = "..."\n',
    "a long name": f'[tool.dagster]\nmodule_name = "{"x" * 300}"\n',
    "a path as module": '[tool.dagster]\nmodule_name = "a/b.py"\n',
    "digits": f"[tool.dagster]\nx = {HUGE}\n",
    "deep, ours": f"[tool.dynadvise]\nitems = {DEEP}\n",
    "not TOML": "[tool.dagster\n",
}
"""By name, what stands in pyproject.toml and dg.toml."""

SCHEMAS = {
    "itself": '{"x": {"$ref": "#/x"}, "$ref": "#/x"}',
    "a list of names": '{"properties": []}',
    "a choice of none": '{"anyOf": 3}',
    "a type of none": '{"type": 3}',
    "parts of itself": '{"items": {"$ref": "#"}}',
    "a pattern of none": '{"properties": {"a": {"pattern": "[", "type": "x"}}}',
    "a number": '{"properties": {"a": 3}}',
    "a name of nothing": '{"$ref": "#/no/such"}',
    "a reference of a number": '{"properties": {"a": {"$ref": 3}}}',
}
"""By name, the schema of a Helm chart."""
