"""Use each package of the heavy stack, not only import it; run by the environment's own interpreter, never imported.

Standard output: JSON, what each use gave. Equal before and after the packages have moved. A use that fails ends all.
"""
# Each use is one claim, named by its function, and imports its package itself: so its time is measured with it.
# ruff: noqa: D103, PLC0415
# mypy: disable-error-code="import-not-found,import-untyped"

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.resources
import io
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def use_torch() -> object:
    import torch

    torch.manual_seed(7)
    left, right = torch.rand(64, 64, dtype=torch.float64), torch.rand(64, 64, dtype=torch.float64)
    spectrum = torch.fft.rfft(left[0])
    torch.linalg.solve(left, right)
    layer = torch.nn.Linear(8, 2)
    layer(torch.ones(1, 8)).sum().backward()
    return [round(float((left @ right).sum()), 6), round(float(spectrum.abs().sum()), 6), torch.cuda.is_available()]


def use_torch_shared_memory() -> object:
    """Starts torch_shm_manager, a program inside the package."""
    import torch.multiprocessing

    torch.multiprocessing.set_sharing_strategy("file_system")
    return torch.arange(5).share_memory_().tolist()


def use_cuda_libraries() -> object:
    """Return the libraries that torch loads on any machine, and the others, if they load without a driver."""
    import torch  # noqa: F401 (it loads them)

    maps = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    loaded = {Path(line.split()[-1]).name for line in maps if "/nvidia/" in line}
    import nvidia

    tried: dict[str, bool] = {}
    for top in nvidia.__path__:
        for path in sorted(
            Path(parent) / name for parent, _, names in os.walk(top, followlinks=True) for name in names
        ):
            if re.search(r"\.so(\.\d+)*$", path.name):
                tried[path.name] = loads(path)
    return {
        "by torch": sorted(loaded),
        "load": sorted(tried),
        "do not": sorted(n for n, works in tried.items() if not works),
    }


def loads(path: Path) -> bool:
    try:
        ctypes.CDLL(str(path))
    except OSError:
        return False
    return True


def use_triton() -> object:
    import subprocess

    import triton
    from triton.backends.nvidia import compiler

    ptxas = compiler.get_ptxas(80).path
    version = subprocess.run([ptxas, "--version"], check=True, capture_output=True, text=True).stdout
    return [triton.__version__, version.splitlines()[-1]]


def use_numpy() -> object:
    import numpy as np

    return [
        float(np.linalg.det(np.arange(9.0).reshape(3, 3) + np.eye(3))),
        float(np.abs(np.fft.fft(np.arange(8.0))).sum()),
    ]


def use_scipy() -> object:
    import numpy as np
    from scipy import fft, integrate, linalg, optimize, sparse
    from scipy.sparse.linalg import spsolve

    matrix = sparse.csc_matrix(np.diag([1.0, 2.0, 4.0]))
    return [
        float(integrate.quad(np.sin, 0, np.pi)[0]),
        float(linalg.expm(np.zeros((2, 2))).sum()),
        float(optimize.brentq(lambda x: x * x - 2, 0, 2)),
        spsolve(matrix, np.ones(3)).tolist(),
        float(np.abs(fft.dct(np.arange(4.0))).sum()),
    ]


def use_scikit_learn() -> object:
    from sklearn.datasets import load_iris
    from sklearn.ensemble import RandomForestClassifier

    iris = load_iris()
    return float(RandomForestClassifier(5, random_state=0).fit(iris.data, iris.target).score(iris.data, iris.target))


def use_pandas_and_pyarrow() -> object:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import parquet

    frame = pd.DataFrame({"key": list("abab"), "value": [1, 2, 3, 4]})
    sink = io.BytesIO()
    frame.to_parquet(sink, compression="zstd")
    table = parquet.read_table(io.BytesIO(sink.getvalue()))
    batch = pa.ipc.open_stream(ipc_of(table)).read_all()
    return [
        pc.sum(batch["value"]).as_py(),
        frame.groupby("key").value.sum().to_dict(),
        pa.get_include().endswith("include"),
    ]


def ipc_of(table: Any) -> Any:  # noqa: ANN401 (a table of a package that is not here)
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def use_spacy() -> object:
    import spacy
    from spacy.matcher import Matcher

    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    matcher = Matcher(nlp.vocab)
    matcher.add("GREETING", [[{"LOWER": "hello"}, {"IS_PUNCT": True}]])
    doc = nlp("Hello, world. It isn't far.")
    return [
        [token.text for token in doc],
        len(list(doc.sents)),
        len(matcher(doc)),
        spacy.blank("de")("z.B. so")[0].text,
    ]


def use_opencv() -> object:
    import cv2
    import numpy as np

    image = np.zeros((64, 64, 3), np.uint8)
    cv2.circle(image, (32, 32), 20, (255, 255, 255), -1)
    small = cv2.resize(image, (16, 16))
    _, png = cv2.imencode(".png", small)
    return [int(cv2.imdecode(png, 1).sum()), int(cv2.Canny(image, 50, 150).sum()), Path(cv2.data.haarcascades).is_dir()]


def use_transformers() -> object:
    import torch
    from tokenizers import Tokenizer, models, trainers
    from transformers import BertConfig, BertModel

    tokenizer = Tokenizer(models.BPE())
    tokenizer.train_from_iterator(["low lower lowest"] * 4, trainers.BpeTrainer(vocab_size=30))
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    model = BertModel(BertConfig(vocab_size=50, **shape)).eval()
    return [tokenizer.encode("lower").tokens, list(model(torch.tensor([[1, 2, 3]])).last_hidden_state.shape)]


def use_sympy() -> object:
    import sympy

    x = sympy.Symbol("x")
    return str(sympy.integrate(sympy.exp(x) * sympy.cos(x), x))


def use_metadata() -> object:
    distributions = sorted(
        (found.metadata["Name"].lower(), found.version) for found in importlib.metadata.distributions()
    )
    files = importlib.metadata.files("spacy") or []
    missing = [str(file) for file in files if not Path(str(file.locate())).exists()]
    scripts = sorted(entry.name for entry in importlib.metadata.entry_points(group="console_scripts"))
    return [distributions, missing, scripts]


def use_resources() -> object:
    places = {
        "spacy": "py.typed",
        "sklearn": "datasets/data/iris.csv",
        "torch": "version.py",
        "pyarrow": "include/arrow/api.h",
    }
    return {name: importlib.resources.files(name).joinpath(place).is_file() for name, place in places.items()}


USES: tuple[Callable[[], object], ...] = (
    use_torch,
    use_torch_shared_memory,
    use_cuda_libraries,
    use_triton,
    use_numpy,
    use_scipy,
    use_scikit_learn,
    use_pandas_and_pyarrow,
    use_spacy,
    use_opencv,
    use_transformers,
    use_sympy,
    use_metadata,
    use_resources,
)


def main() -> None:
    """Use everything; on standard error, how long each took."""
    results: dict[str, object] = {}
    for use in USES:
        started = time.monotonic()
        results[use.__name__] = use()
        print(f"    {use.__name__:<26} {time.monotonic() - started:6.2f} s", file=sys.stderr, flush=True)
    json.dump(results, sys.stdout, sort_keys=True)


main()
