"""The configuration's section `catalogue`: own files, the campus's overrides, lists from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from detectors.catalogue.categories import KINDS, LIST_CATEGORIES
from detectors.catalogue.settings import LIST_FORMATS, CatalogueSettings, ListSettings
from monitor.shipped import shipped

_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]


class ListSource(BaseModel):
    """A list from elsewhere: a file of the campus's own, or an address that `catalogue update` fetches."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=48)]
    format: str
    category: str  # what its names are
    kind: str | None = None  # where the category has kinds
    path: Path | None = None
    url: str | None = Field(None, max_length=2_048)
    groups: tuple[str, ...] = Field((), max_length=64)  # parts to take: categories, v2fly's attributes
    exact: bool = False  # plain names stand for themselves alone
    strict: bool = False  # one line that cannot be read refuses the list
    max_mib: float = Field(32, gt=0, le=256)
    timeout_seconds: float = Field(120, ge=1, le=3_600)  # of the whole transfer
    max_shrink_share: float = Field(0.3, gt=0, le=1)  # a list that loses more is held until confirmed
    sha256: _Sha256 | None = None  # of the one content that is taken
    public_key: Path | None = None  # PEM, Ed25519: `url` + ".sig" must be signed by it
    ca_file: Path | None = None  # PEM: authorities for this address, instead of the system's

    @model_validator(mode="after")
    def _fits(self) -> ListSource:
        if (self.path is None) == (self.url is None):
            raise ValueError("needs either `path` or `url`")
        if self.format not in LIST_FORMATS:
            raise ValueError(f"format: {self.format!r} is none of {', '.join(LIST_FORMATS)}")
        if self.category not in LIST_CATEGORIES:
            raise ValueError(f"category: {self.category!r} is none of {', '.join(LIST_CATEGORIES)}")
        kinds = KINDS.get(self.category, ())
        if (self.kind is None) == bool(kinds) or (self.kind and self.kind not in kinds):
            needs = f"needs one of {', '.join(kinds)}" if kinds else "has no meaning"
            raise ValueError(f"kind: {needs} for {self.category}")
        if self.url is not None:
            _check_url(self.url)
        return self


class CatalogueFiles(BaseModel):
    """Where names get their meaning from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: Files, and folders of *.yaml.
    paths: tuple[Path, ...] = Field(
        default_factory=lambda: (shipped("configs/catalogue"),), min_length=1, max_length=256
    )
    #: The same form; what stands here wins over everything else.
    overrides: tuple[Path, ...] = Field((), max_length=256)
    #: Of entries of one length, the catalogue goes before lists and a list before the next.
    lists: tuple[ListSource, ...] = Field((), max_length=64)

    @model_validator(mode="after")
    def _ids_are_distinct(self) -> CatalogueFiles:
        ids = [each.id for each in self.lists]
        for id_ in ids:
            if ids.count(id_) > 1:
                raise ValueError(f"lists: the id `{id_}` stands twice")
        return self

    def settings(self, state: Path) -> CatalogueSettings:
        """What the catalogue is made from; fetched lists lie under `state`, the state directory."""
        lists = tuple(list_settings(each, fetched_lists(state)) for each in self.lists)
        return CatalogueSettings(self.paths, self.overrides, lists)


def fetched_lists(state: Path) -> Path:
    """The folder of fetched lists, a folder each, in the state directory."""
    return state / "lists"


def list_settings(source: ListSource, folder: Path, path: Path | None = None) -> ListSettings:
    """How a list is read: its own file, what was fetched to `folder`, or `path` when that is given."""
    return ListSettings(
        id=source.id,
        format=source.format,
        category=source.category,
        path=path or source.path or folder / source.id / "current",
        kind=source.kind,
        groups=source.groups,
        exact=source.exact,
        strict=source.strict,
        max_bytes=int(source.max_mib * (1 << 20)),
    )


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise ValueError("url: lists are fetched over https:// alone")
    if parts.username or parts.password:
        raise ValueError("url: no name and password in an address; they would end up in logs")
