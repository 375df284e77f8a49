"""HTTP out, to the hub: what it is asked, what its answers mean, and what became of a request that failed.

    opening     a client as the settings name it
    client      one method per call that the service makes
    asking      the few forms of questions: one object, a list, some rows of a list
    calls       one call from end to end: token, sending, judgement, at most one repetition of a read
    sending     one request in its turn, and what its answer says of the budget
    exchange    one request on the wire, within a deadline and a size
    judgement   which failure an answer is, and whether the request was carried out
    budget      the requests per second that all replicas share
    allowance   how many those are just now, by what the hub says and shows
    tokens      the partner's access token, fetched by one caller for all
    signing_in  the two documented grants
    rows        one row to one typed object, or to a refusal
    paging      walks over lists, bounded
    reading     bytes to rows: exact decimals, nothing that Postgres refuses
    payloads    the hub's objects, typed, each with its raw payload
    scan        a list of the books read whole, with a certificate
    dialect     the two spellings of paths and headers
    endpoints   every address, once

Addresses come from settings alone: nothing found in data is ever fetched, and no redirect is followed.
"""
