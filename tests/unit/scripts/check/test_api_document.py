"""The OpenAPI document: valid, true to the routes, and written upon a change that breaks no client."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Annotated, Any, Literal

import pytest
import yaml
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path as InPath
from aws_lambda_powertools.event_handler.openapi.params import Query
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import Field, StrictInt

from scripts.check.api_document import document as documents
from scripts.check.api_document.breaks import find_breaks
from scripts.check.api_document.document import document, every_api
from scripts.check.api_document.update import check_document, update_document, write_document
from scripts.cli.errors import UserError
from scripts.cli.paths import API_DOCUMENT
from services.libs.http.bodies import RequestBody, ResponseBody
from services.libs.http.callers import Access
from services.libs.http.headers import IdempotencyKey, IfMatch
from services.libs.http.shop_api import ShopApi, answered
from services.shared.events.event import Sku
from services.shared.refusals import Refusal
from tests.unit.services.http.shop import shelf_api


class Size(ResponseBody):
    unit: Literal["cm", "mm"] = "cm"
    width: int


class Box(ResponseBody):
    sku: str
    size: Size
    note: str | None = None
    inner: "tuple[Box, ...]" = ()


class NewBox(RequestBody):
    width: Annotated[StrictInt, Field(ge=1, le=100)]
    unit: Literal["cm", "mm"] = "cm"
    note: str = ""


_LIMIT = Annotated[int, Query(ge=1, le=100)]


def _box_api(  # noqa: PLR0913 - each is a part that may change
    *,
    new: type[RequestBody] = NewBox,
    answer: type[ResponseBody] = Box,
    access: Access = Access.CUSTOMER,
    status: int = 201,
    limit: Any = _LIMIT,  # noqa: ANN401 - a parameter's annotation
    removed: Sequence[str] = (),
) -> ShopApi:
    api = ShopApi()

    def create_box(body: Any, key: IdempotencyKey) -> Any:  # noqa: ANN401 - annotated below
        """Create a box."""
        return body, key

    create_box.__annotations__ |= {"body": new, "return": Response[answer]}  # type: ignore[valid-type]

    def list_boxes(limit: Any = 20) -> Any:  # noqa: ANN401 - annotated below
        """List boxes."""
        return limit

    list_boxes.__annotations__ |= {"limit": limit, "return": answer}

    def replace_box(sku: Annotated[Sku, InPath()], body: NewBox, version: IfMatch) -> Response[Box]:
        """Replace a box."""
        return answered(Box(sku=sku, size=Size(width=body.width)), version=version)

    routes: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
        (create_box, ("POST", "/v1/boxes", access, status)),
        (list_boxes, ("GET", "/v1/boxes", Access.PUBLIC, 200)),
        (replace_box, ("PUT", "/v1/boxes/{sku}", Access.STAFF, 200)),
    ]
    for function, (method, path, caller, success) in routes:
        if function.__name__ not in removed:
            api.route(method, path, caller, status=success, refusals=(Refusal.NOT_YET, Refusal.STALE))(function)
    return api


def _document(api: ShopApi | None = None) -> dict[str, Any]:
    whole: dict[str, Any] = yaml.safe_load(yaml.safe_dump(document({"box-service-api": api or _box_api()})))
    return whole


def test_the_committed_document_is_what_the_code_says() -> None:
    update_document(check=True)


@pytest.mark.parametrize("api", [shelf_api(), _box_api()], ids=["shelves", "boxes"])
def test_the_document_is_valid(api: ShopApi) -> None:
    OpenAPIV31SpecValidator(_document(api)).validate()


def test_the_committed_document_is_valid() -> None:
    OpenAPIV31SpecValidator(yaml.safe_load(API_DOCUMENT.read_text("utf-8"))).validate()


def test_an_operation_says_who_may_call_it_and_how_it_may_be_answered() -> None:
    paths = _document()["paths"]
    create, replace, listing = paths["/v1/boxes"]["post"], paths["/v1/boxes/{sku}"]["put"], paths["/v1/boxes"]["get"]

    assert (create["operationId"], create["summary"]) == ("createBox", "Create a box")
    assert (create["security"], replace["security"], listing["security"]) == (
        [{"token": []}],
        [{"token": ["staff"]}],
        [],
    )
    command = {"400", "401", "409", "412", "413", "415", "422", "429", "500", "503"}
    assert create["responses"].keys() == {"201"} | command
    assert replace["responses"].keys() == {"200", "403", "404"} | command
    assert listing["responses"].keys() == {"200", "400", "409", "412", "422", "429", "500", "503"}
    assert {each["name"] for each in replace["parameters"]} == {"sku", "If-Match"}
    assert "not_yet" in create["responses"]["409"]["description"]
    assert "Retry-After" in create["responses"]["409"]["headers"]
    assert {"ETag", "Location"} <= create["responses"]["201"]["headers"].keys()


def test_every_change_of_a_version_is_linked_from_the_answer_that_tells_it() -> None:
    paths: dict[str, dict[str, Any]] = yaml.safe_load(API_DOCUMENT.read_text("utf-8"))["paths"]
    operations = [one for methods in paths.values() for one in methods.values()]
    changes = {
        one["operationId"]
        for one in operations
        if any(each["name"] == "If-Match" for each in one.get("parameters", []))
    }

    links = {
        name: link["parameters"]
        for one in operations
        for answer in one["responses"].values()
        for name, link in answer.get("links", {}).items()
    }

    assert links.keys() == changes
    assert links["addCartItem"] == {"header.If-Match": "$response.header.ETag"}
    assert links["changeProduct"] == {"path.sku": "$request.path.sku", "header.If-Match": "$response.header.ETag"}


def test_two_services_may_not_declare_one_route() -> None:
    with pytest.raises(UserError, match="POST /v1/boxes is declared twice"):
        document({"a": _box_api(), "b": _box_api()})


def test_two_models_may_not_have_one_name() -> None:
    other = ShopApi()

    class Box(ResponseBody):
        colour: str

    def get_other() -> Any:  # noqa: ANN401 - annotated below
        """Read another."""

    get_other.__annotations__["return"] = Box
    other.route("GET", "/v1/other", Access.PUBLIC)(get_other)

    with pytest.raises(UserError, match="there is another model Box"):
        document({"a": _box_api(), "b": other})


def test_two_operations_may_not_have_one_name() -> None:
    other = ShopApi()

    @other.route("GET", "/v1/crates", Access.PUBLIC)
    def list_boxes() -> Size:
        """List crates."""
        return Size(width=1)

    with pytest.raises(UserError, match="operations of the same name: listBoxes"):
        document({"a": _box_api(), "b": other})


def test_every_api_is_in_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("services.box_service.api")
    module.api = _box_api()  # type: ignore[attr-defined]
    found = SimpleNamespace(module=module.__name__, function="box-service-api", load=lambda: module)
    queue = SimpleNamespace(module="services.box_service.handler", function="box-service", load=lambda: None)
    monkeypatch.setattr(documents, "LAMBDAS", (queue, found))

    assert every_api() == {"box-service-api": module.api}


def test_an_api_that_declares_no_routes_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("services.box_service.api")
    found = SimpleNamespace(module=module.__name__, function="box-service-api", load=lambda: module)
    monkeypatch.setattr(documents, "LAMBDAS", (found,))

    with pytest.raises(UserError, match="has no `api = ShopApi"):
        every_api()


class _Renamed(RequestBody):
    breadth: Annotated[StrictInt, Field(ge=1, le=100)]
    unit: Literal["cm", "mm"] = "cm"
    note: str = ""


class _Required(NewBox):
    colour: str


class _RequiredNow(NewBox):
    note: str


class _Narrowed(NewBox):
    width: Annotated[StrictInt, Field(ge=1, le=50)]


class _OneUnit(NewBox):
    unit: Literal["cm"] = "cm"


class _Retyped(NewBox):
    note: StrictInt = 0  # type: ignore[assignment]


class _Optional(NewBox):
    colour: str = ""


class _Wide(NewBox):
    width: Annotated[StrictInt, Field(ge=0, le=1000)]
    unit: Literal["cm", "mm", "m"] = "cm"  # type: ignore[assignment]


class _NoNote(ResponseBody):
    sku: str
    size: Size


class _MoreUnits(Size):
    unit: Literal["cm", "mm", "m"] = "cm"  # type: ignore[assignment]


class _InMoreUnits(Box):
    size: _MoreUnits


class _Nothing(Box):
    sku: str | None  # type: ignore[assignment]


class _More(Box):
    colour: str


BREAKING = [
    (_box_api(removed=["replace_box"]), "PUT /v1/boxes/{sku}: the operation is removed"),
    (_box_api(new=_Renamed), "POST /v1/boxes: breadth is new, and required"),
    (_box_api(new=_Renamed), "POST /v1/boxes: width is removed"),
    (_box_api(new=_Required), "POST /v1/boxes: colour is new, and required"),
    (_box_api(new=_RequiredNow), "POST /v1/boxes: note is required now"),
    (_box_api(new=_Narrowed), "POST /v1/boxes: width: maximum was 100, is 50"),
    (_box_api(new=_OneUnit), "POST /v1/boxes: unit may no longer be mm"),
    (_box_api(new=_Retyped), "POST /v1/boxes: note was string, is integer"),
    (_box_api(answer=_NoNote), "GET /v1/boxes: 200: note is removed"),
    (_box_api(answer=_NoNote), "POST /v1/boxes: 201: note is removed"),
    (_box_api(answer=_InMoreUnits), "GET /v1/boxes: 200: size.unit may be m, which is new"),
    (_box_api(answer=_Nothing), "GET /v1/boxes: 200: sku was string, is null or string"),
    (_box_api(status=202), "POST /v1/boxes: it no longer answers 201"),
    (_box_api(access=Access.STAFF), "POST /v1/boxes: callers: {'token': []} before, {'token': ['staff']} now"),
    (_box_api(limit=Annotated[int, Query(ge=1, le=10)]), "GET /v1/boxes: limit: maximum was 100, is 10"),
    (_box_api(limit=Annotated[int, Query(alias="count")]), "GET /v1/boxes: limit is removed"),
    (_box_api(limit=IfMatch), "GET /v1/boxes: limit is removed"),
]


@pytest.mark.parametrize(("changed", "named"), BREAKING, ids=[named for _, named in BREAKING])
def test_a_breaking_change_is_named(changed: ShopApi, named: str) -> None:
    assert named in find_breaks(_document(), _document(changed))


def test_another_name_of_an_operation_breaks_generated_clients() -> None:
    changed = _document()
    changed["paths"]["/v1/boxes"]["get"]["operationId"] = "boxes"

    assert find_breaks(_document(), changed) == ["GET /v1/boxes: the operation listBoxes is named boxes"]


def test_a_new_required_parameter_breaks() -> None:
    before = _document()
    before["paths"]["/v1/boxes"]["post"]["parameters"] = []

    assert find_breaks(before, _document()) == ["POST /v1/boxes: Idempotency-Key is new, and required"]


@pytest.mark.parametrize(
    "changed",
    [
        _box_api(),
        _box_api(new=_Optional),
        _box_api(new=_Wide),
        _box_api(answer=_More),
        _box_api(access=Access.PUBLIC),
        _box_api(limit=Annotated[int, Query(ge=1, le=1000)]),
    ],
)
def test_any_other_change_breaks_nothing(changed: ShopApi) -> None:
    assert find_breaks(_document(), _document(changed)) == []


@pytest.mark.parametrize(
    ("before", "now", "is_break"),
    [
        (Access.PUBLIC, Access.CUSTOMER, True),
        (Access.CUSTOMER, Access.STAFF, True),
        (Access.CUSTOMER, Access.CARRIER, True),
        (Access.STAFF, Access.CUSTOMER, False),
        (Access.STAFF, Access.PUBLIC, False),
    ],
)
def test_only_stricter_access_breaks(before: Access, now: Access, is_break: bool) -> None:  # noqa: FBT001 - a column
    found = find_breaks(_document(_box_api(access=before)), _document(_box_api(access=now)))

    assert bool(found) is is_break


def test_a_new_route_breaks_nothing() -> None:
    assert find_breaks(_document(_box_api(removed=["replace_box"])), _document()) == []


def test_a_changed_document_is_written_and_then_current(tmp_path: Path) -> None:
    file, apis = tmp_path / "openapi.yaml", {"a": _box_api()}

    with pytest.raises(UserError, match=r"differs from the code: run `invoke check.openapi`"):
        check_document(file, apis)
    assert write_document(file, apis)
    assert not write_document(file, apis)
    check_document(file, apis)


def test_a_breaking_change_is_written_only_if_it_is_accepted(tmp_path: Path) -> None:
    file, changed = tmp_path / "openapi.yaml", {"a": _box_api(new=_Required)}
    write_document(file, {"a": _box_api()})
    before = file.read_text("utf-8")

    for refused in (check_document, write_document):
        with pytest.raises(UserError, match="colour is new, and required"):
            refused(file, changed)
    assert file.read_text("utf-8") == before

    assert write_document(file, changed, accept_breaking=True)
    check_document(file, changed)


@pytest.mark.parametrize("content", ["paths: [", "[]", "paths: {/v1/boxes: {get: {}}}"])
def test_a_damaged_document_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "openapi.yaml"
    file.write_text(content, "utf-8")

    with pytest.raises(UserError, match=r"is not as `invoke check.openapi` wrote it"):
        check_document(file, {"a": _box_api()})


def test_a_check_writes_nothing() -> None:
    with pytest.raises(UserError, match="--check writes nothing"):
        update_document(check=True, accept_breaking=True)


def test_an_answer_without_content_is_described_without_one() -> None:
    forgotten = document(every_api())["paths"]["/v1/me"]["delete"]

    assert forgotten["responses"]["204"].keys() == {"description", "headers"}
    assert "ETag" not in forgotten["responses"]["204"]["headers"]
    assert find_breaks(*[{"paths": {"/v1/me": {"delete": forgotten}}}] * 2) == []
