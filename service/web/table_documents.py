"""The routes of local documents, with the bounds of their bodies, and of what is stated of them by month."""

from __future__ import annotations

from collections.abc import Sequence

from service.domain.document import Ledger, Origin
from service.settings import Role
from service.statements.formats import Format
from service.statements.json_file import StatementFile
from service.web.api import documents, documents_bulk, documents_shape, statements
from service.web.bodies import Memory
from service.web.paging import Page
from service.web.parameters import AS_OF, PAGING, one_of
from service.web.route import BodyLimit, Route

DOCUMENT = "/v1/organizations/{organization_id:uuid}/documents/{local_id:path}"
"""An id with a slash, which none has, is refused like any other that could not be written down."""

DOCUMENT_BYTES_MAX = 512 * 1024
"""A thousand lines of five hundred characters."""

BULK_BYTES_MAX = 16 * 1024 * 1024
"""Ten thousand documents of 1,600 characters, five lines each."""

BULK_LIMIT = BodyLimit(bytes_max=BULK_BYTES_MAX, seconds=60.0, memory=Memory(2 * BULK_BYTES_MAX))
"""Two of them at once in one replica; who comes third is told to come back."""

DOCUMENTS: Sequence[Route] = (
    Route(
        method="GET",
        path="/v1/organizations/{organization_id:uuid}/documents",
        handler=documents.list_them,
        summary="List local documents, the hub's and the partner's own, as they are compared",
        parameters=(
            one_of("ledger", Ledger, "Only this ledger."),
            one_of("origin", Origin, "Only the hub's, or only those of the partner's own system."),
            *PAGING,
            AS_OF,
        ),
        answer=Page[documents.LocalDocument],
        errors=(404,),
    ),
    Route(
        method="GET",
        path=DOCUMENT,
        handler=documents.get_one,
        summary="Show one local document",
        parameters=(AS_OF,),
        answer=documents.LocalDocument,
        errors=(404,),
    ),
    Route(
        method="PUT",
        path=DOCUMENT,
        handler=documents.put_one,
        summary="Put a document of the partner's own system; the same again changes nothing",
        role=Role.OPERATOR,
        body=documents_shape.PutDocument,
        reads=bytes,
        body_limit=BodyLimit(bytes_max=DOCUMENT_BYTES_MAX),
        answer=documents.PutAnswer,
        errors=(404, 409),
    ),
    Route(
        method="DELETE",
        path=DOCUMENT,
        handler=documents.delete_one,
        summary="Take a document of the partner's own system back; the hub's stands again where there is one",
        role=Role.OPERATOR,
        answer=documents.Deleted,
        errors=(404,),
    ),
    Route(
        method="POST",
        path="/v1/documents/bulk",
        handler=documents_bulk.put_many,
        summary="Put up to 10,000 documents; each is taken or refused by itself, in the order given",
        role=Role.OPERATOR,
        body=documents_bulk.Bulk,
        reads=documents_bulk.read_bulk,
        body_limit=BULK_LIMIT,
        answer=documents_bulk.Results,
    ),
    Route(
        method="GET",
        path="/v1/organizations/{organization_id:uuid}/statements/{period}",
        handler=statements.get_one,
        summary="Show the month-end tie-out: opening, movements, closing, and what is between",
        parameters=(one_of("format", Format, "As which file; JSON unless told otherwise."), AS_OF),
        answer=StatementFile,
        other_media_types=statements.MEDIA_TYPES[1:],
        errors=(404, 409),
    ),
    Route(
        method="POST",
        path="/v1/organizations/{organization_id:uuid}/statements/{period}/sign",
        handler=statements.sign_it,
        summary="Sign a statement: one key prepares it, another one, of the role approver, approves it",
        role=Role.OPERATOR,
        body=statements.Sign,
        answer=StatementFile,
        errors=(404, 409),
    ),
)
