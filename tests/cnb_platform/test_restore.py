"""What a buildpack finds when it starts again: the restore table and its edges."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.cnb_platform.toys import Workshop, buildpack

from cnb import toml
from cnb_platform import go_json, oci
from cnb_platform.cache import Cache
from cnb_platform.errors import AnalysisFailed, ExportFailed, RestoreFailed
from cnb_platform.metadata import CACHE_METADATA, LIFECYCLE_LABEL, BuildpackRecord, LayerRecord, read_records
from cnb_platform.tar import ROOT, directory, file, symlink

CDX = 'sbom-formats = ["application/vnd.cyclonedx+json"]'
COMBINATIONS = ("tff", "ttf", "tft", "ttt", "ftf", "ftt", "fft", "fff")  # build, launch, cache

SHOW = 'cd "$1"; for f in *; do test "$f" = "*" || echo "found $f"; done'


def word(flag: str) -> str:
    return "true" if flag == "t" else "false"


def declare(name: str, types: str, metadata: str = 'key = "1"') -> str:
    build, launch, cache = map(word, types)
    document = f"[types]\\nbuild = {build}\\nlaunch = {launch}\\ncache = {cache}\\n[metadata]\\n{metadata}\\n"
    return f"""printf '{document}' >"$1/{name}.toml" """


def contribute(name: str, types: str, content: str = "content", metadata: str = 'key = "1"') -> str:
    return f"""{declare(name, types, metadata)}
        mkdir -p "$1/{name}"; printf {content} >"$1/{name}/file"; printf '{{}}' >"$1/{name}.sbom.cdx.json"\n"""


def found(workshop: Workshop, build: str, **changes: object) -> list[str]:
    """Build with a buildpack that lists its layers directory first, then does `build`."""
    toy = buildpack(workshop.root, f"({SHOW})\n{build}", about=CDX)
    log = workshop.build(toy, **changes).log
    return [line.removeprefix("found ") for line in log.splitlines() if line.startswith("found ")]


ALL = "\n".join(contribute(types, types) for types in COMBINATIONS)


def test_the_restore_table(workshop: Workshop) -> None:
    assert found(workshop, ALL) == []
    complete = [f"{types}{part}" for types in ("fft", "ftt", "tft", "ttt") for part in ("", ".sbom.cdx.json", ".toml")]
    assert found(workshop, ALL) == sorted([*complete, "ftf.sbom.cdx.json", "ftf.toml"])


def test_contents_come_back_with_their_modes(workshop: Workshop) -> None:
    tree = """mkdir -p "$1/a/d"; echo x >"$1/a/d/f"; chmod 0750 "$1/a/d/f"; chmod 0511 "$1/a/d"; ln -s d/f "$1/a/l" """
    found(workshop, f"{declare('a', 'fft')}\n{tree}")
    show = 'echo "found $(stat -c %a "$1/a/d/f" "$1/a/d" | tr "\\n" " ")$(readlink "$1/a/l") $(cat "$1/a/l")"'
    assert found(workshop, show)[-1] == "750 511 d/f x"


def test_metadata_goes_through_json(workshop: Workshop, tmp_path: Path) -> None:
    metadata = (
        'n = 3\\nbig = 9007199254740993\\nwhen = 2026-01-02T03:04:05Z\\ntext = "<é>"\\nflag = true\\nlist = ["a"]'
    )
    found(workshop, contribute("a", "ftf", metadata=metadata))
    found(workshop, f"""cp "$1/a.toml" '{tmp_path}/restored.toml'; {declare("a", "ftf")}""")
    restored = toml.load(tmp_path / "restored.toml")
    assert restored == {
        "metadata": {
            "n": 3.0,
            "big": 9007199254740992.0,
            "when": "2026-01-02T03:04:05Z",
            "text": "<é>",
            "flag": True,
            "list": ["a"],
        }
    }
    assert isinstance(restored["metadata"]["n"], float)


def test_the_store_comes_back_even_when_the_cache_is_cleared(workshop: Workshop) -> None:
    store = f"""{contribute("a", "ftt")}
        printf '[metadata]\\nn = 1\\n' >"$1/store.toml" """
    found(workshop, store)
    assert found(workshop, store, clear_cache=True) == ["store.toml"]
    assert read_records(workshop.image().labels[LIFECYCLE_LABEL]).buildpacks["toy/one"].store == {"n": 1.0}


def test_an_image_that_was_built_elsewhere_makes_the_cached_layer_worthless(workshop: Workshop, tmp_path: Path) -> None:
    found(workshop, contribute("a", "ftt"))
    other = tmp_path / "elsewhere"
    found(workshop, contribute("a", "ftt", content="other"), image=other, cache=None)
    assert found(workshop, contribute("a", "ftt"), previous_image=other) == []
    assert 'Removing "toy/one:a", wrong sha' in workshop.log.text()


def test_a_cached_launch_layer_needs_the_cache(workshop: Workshop, tmp_path: Path) -> None:
    found(workshop, contribute("a", "ftt"))
    assert found(workshop, contribute("a", "ftt"), cache=tmp_path / "empty") == []


def test_a_cached_launch_layer_comes_from_the_cache_alone_since_platform_0_14(
    workshop: Workshop, tmp_path: Path
) -> None:
    layers = contribute("a", "ftt") + contribute("b", "fft")
    found(workshop, layers)
    both = ["a", "a.sbom.cdx.json", "a.toml", "b", "b.sbom.cdx.json", "b.toml"]
    assert found(workshop, layers, image=tmp_path / "new-tag") == both
    assert found(workshop, layers, image=tmp_path / "new-tag-2", platform_api="0.9") == both[3:]


def test_a_damaged_blob_leaves_metadata_without_a_directory(workshop: Workshop) -> None:
    found(workshop, contribute("a", "fft"))
    (blob,) = [path for path in (workshop.cache / "committed").glob("*.tar") if b"layers/sbom" not in path.read_bytes()]
    content = bytearray(blob.read_bytes())
    content[content.index(b"content")] ^= 1
    blob.write_bytes(content)
    assert found(workshop, contribute("a", "fft")) == ["a.sbom.cdx.json", "a.toml"]
    assert "is damaged" in workshop.log.text()
    assert found(workshop, contribute("a", "fft")) == ["a", "a.sbom.cdx.json", "a.toml"], "and the cache is repaired"


def test_a_missing_or_cut_blob_is_damage_too(workshop: Workshop) -> None:
    for damage in (Path.unlink, lambda path: os.truncate(path, 700)):
        found(workshop, contribute("a", "fft"))
        for blob in (workshop.cache / "committed").glob("*.tar"):
            damage(blob)
        assert found(workshop, contribute("a", "fft")) == ["a.toml"]


def test_unreadable_cache_metadata_is_a_warning(workshop: Workshop) -> None:
    found(workshop, contribute("a", "fft"))
    (workshop.cache / "committed" / CACHE_METADATA).write_text("{")
    assert found(workshop, contribute("a", "fft")) == []
    assert "Warning: the cache's metadata cannot be read" in workshop.log.text()


def test_a_layer_that_is_not_declared_again_leaves_the_cache(workshop: Workshop) -> None:
    found(workshop, contribute("a", "fft") + contribute("b", "fft"))
    found(workshop, declare("b", "fft"))  # a has its metadata again, but no types
    assert (workshop.layers / "toy_one" / "a.ignore").is_dir()
    document = json.loads((workshop.cache / "committed" / CACHE_METADATA).read_bytes())
    assert list(document["buildpacks"][0]["layers"]) == ["b"]


def test_a_cached_layer_without_contents_is_dropped_with_a_warning(workshop: Workshop) -> None:
    found(workshop, declare("a", "fft"))
    assert "layer 'toy/one:a' is cache=true but has no contents" in workshop.log.text()


def test_an_unchanged_cached_layer_is_linked(workshop: Workshop) -> None:
    found(workshop, contribute("a", "fft"))
    name = json.loads((workshop.cache / "committed" / CACHE_METADATA).read_bytes())["buildpacks"][0]["layers"]["a"][
        "sha"
    ]
    before = (workshop.cache / "committed" / f"{name}.tar").stat().st_ino
    found(workshop, declare("a", "fft"))
    assert (workshop.cache / "committed" / f"{name}.tar").stat().st_ino == before


def test_a_fifo_in_a_cached_layer_fails_the_export_here(workshop: Workshop) -> None:
    with pytest.raises(ExportFailed, match="neither a file, a directory nor a symbolic link"):
        found(workshop, contribute("a", "fft") + '\nmkfifo "$1/a/pipe"')


def test_layers_made_for_another_directory_are_not_reused(workshop: Workshop) -> None:
    found(workshop, contribute("a", "ftf") + contribute("b", "fft"))
    moved = workshop.root / "moved"
    assert found(workshop, contribute("a", "ftf") + contribute("b", "fft"), layers_dir=moved) == [
        "b.sbom.cdx.json",
        "b.toml",
    ]
    assert f"the previous image has its layers elsewhere than {moved}" in workshop.log.text()
    assert "(it was made for another layers directory)" in workshop.log.text()


def test_another_version_of_a_buildpack_sees_the_layers_of_the_old_one(workshop: Workshop) -> None:
    found(workshop, contribute("a", "ftf"))
    toy = buildpack(workshop.root, f"({SHOW})\n{declare('a', 'ftf')}", about=CDX)
    text = (toy / "buildpack.toml").read_text().replace("1.2.3", "2.0.0")
    (toy / "buildpack.toml").write_text(text)
    assert "found a.toml" in workshop.build(toy).log


def damage_label(workshop: Workshop, **changes: object) -> None:
    """Rewrite the image's own record of itself."""
    image = workshop.image()
    record = json.loads(image.labels[LIFECYCLE_LABEL]) | changes
    settings = {**image.settings, "Labels": {**image.labels, LIFECYCLE_LABEL: go_json.dumps(record)}}
    changed = oci.Image(config={**image.config, "config": settings}, layers=image.layers)
    oci.write(workshop.layout, changed)


def test_a_wrong_sbom_digest_is_noticed_in_analysis(workshop: Workshop) -> None:
    found(workshop, contribute("a", "ftf"))
    damage_label(workshop, sbom={"sha": "sha256:0"})
    with pytest.raises(AnalysisFailed) as failure:
        found(workshop, declare("a", "ftf"))
    assert failure.value.exit_code == 32


def test_a_missing_sbom_digest_only_means_that_no_sbom_comes_back(workshop: Workshop) -> None:
    found(workshop, contribute("a", "ftf"))
    damage_label(workshop, sbom={})
    assert found(workshop, declare("a", "ftf")) == ["a.toml"]


def test_a_wrong_layer_digest_is_noticed_at_export_only(workshop: Workshop) -> None:
    found(workshop, contribute("a", "ftf"))
    layer = {"sha": "sha256:0", "data": None, "build": False, "launch": True, "cache": False}
    damage_label(workshop, buildpacks=[{"key": "toy/one", "version": "1", "layers": {"a": layer}}])
    with pytest.raises(ExportFailed, match="unknown diffID sha256:0"):
        found(workshop, declare("a", "ftf"))


def test_an_unreadable_previous_image_fails_with_32(workshop: Workshop, tmp_path: Path) -> None:
    with pytest.raises(AnalysisFailed):
        found(workshop, "", previous_image=tmp_path / "nothing")
    found(workshop, "")
    (workshop.layout / "index.json").write_text("{}")
    with pytest.raises(AnalysisFailed, match="is not a readable OCI image layout"):
        found(workshop, "")


def test_a_cached_archive_that_leads_out_of_its_layer_is_refused(workshop: Workshop) -> None:
    cache = Cache(workshop.cache)
    cache.begin()
    base = f"{workshop.layers}/toy_one/a"
    entries = [
        directory(base, ROOT),
        symlink(f"{base}/out", str(workshop.root), ROOT),
        file(f"{base}/out/x", b"", ROOT),
    ]
    sha = cache.stage(entries).diff_id
    record = LayerRecord(sha=sha, data=None, build=False, launch=False, cache=True)
    cache.commit([BuildpackRecord(key="toy/one", version="1.2.3", layers={"a": record})], "")
    with pytest.raises(RestoreFailed, match="is a link or a file, and a directory at once"):
        found(workshop, "")
    assert not (workshop.root / "x").exists()


def test_a_cache_that_cannot_be_written_costs_the_cache_not_the_image(workshop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "full").write_text("a file where a directory should be")
    assert found(workshop, contribute("a", "ftt"), cache=tmp_path / "full") == []
    assert "Warning: the cache cannot be written, and stays as it was" in workshop.log.text()
    assert workshop.image().config["history"]


def test_what_another_build_stages_in_the_same_cache_is_left_alone(tmp_path: Path) -> None:
    alive, dead = tmp_path / "staging-1", tmp_path / "staging-999999999"
    for place in (alive, dead, tmp_path / "staging"):
        place.mkdir()
    cache = Cache(tmp_path)
    cache.begin()
    assert sorted(tmp_path.iterdir()) == sorted([alive, cache.staging])


def test_of_two_builds_that_commit_at_once_the_last_one_wins(tmp_path: Path) -> None:
    (tmp_path / "committed" / "of-another").mkdir(parents=True)
    cache = Cache(tmp_path)
    cache.begin()
    cache.commit([], "")
    assert [path.name for path in tmp_path.iterdir()] == ["committed"]
    assert [path.name for path in cache.committed.iterdir()] == [CACHE_METADATA]
