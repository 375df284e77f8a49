-- What /metrics tells beyond /status: ages against their bounds, and whether the promises are kept.

-- name: list_stream_ages :many
-- Per stream, over the connected organizations: the age of the oldest reading, how late the latest is, how many were never read.
-- One that fails is put off by a quarter of an hour at most, again and again: what it is late by is its bound. What the hub does not
-- serve is awaited by nobody.
-- $1 the error of what the hub does not serve text
WITH connected AS MATERIALIZED (
    SELECT DISTINCT c.organization_id FROM connections c
    JOIN organizations o ON o.organization_id = c.organization_id AND o.removed_at IS NULL
    WHERE c.removed_at IS NULL AND c.status = 'connected'
), ages AS (
    SELECT s.stream, min(s.read_at) AS read_at, min(least(s.due_at, s.bound_at)) AS due_at,
        count(*) FILTER (WHERE s.read_at IS NULL) AS unread
    FROM connected c JOIN streams s ON s.organization_id = c.organization_id
    WHERE s.error IS DISTINCT FROM $1::text GROUP BY s.stream
)
SELECT stream, coalesce(extract(epoch FROM tieout.now() - read_at), 0)::float8 AS age_seconds,
    greatest(extract(epoch FROM tieout.now() - due_at), 0)::float8 AS overdue_seconds, unread
FROM ages;

-- name: list_work_lags :many
-- Per kind of work: how much is due, and for how long the first of it has been. A lease that has ended counts like none.
SELECT kind, count(*) AS due, extract(epoch FROM tieout.now() - min(due_at))::float8 AS lag_seconds
FROM work WHERE due_at <= tieout.now() GROUP BY kind;

-- name: get_alerting :one
-- How long ago alerts were last decided, and what waits to be sent.
SELECT (
    SELECT extract(epoch FROM tieout.now() - w.finished_at)::float8 FROM work w
    WHERE w.kind = 'alert' AND w.organization_id = '00000000-0000-0000-0000-000000000000'
) AS age_seconds, count(n.*) AS waiting,
    coalesce(extract(epoch FROM tieout.now() - min(n.created_at)), 0)::float8 AS waiting_seconds
FROM notifications n WHERE n.status = 'waiting';

-- name: count_unconfirmed_records :many
-- Invoices and bills that failed, were then said to be done, and are not found in the books although these were pulled, read whole and
-- compared since, by how long that is: of them the alert tells once it is overdue (list_unconfirmed_organizations, which has the reasons).
SELECT CASE
        WHEN r.healed_at > tieout.now() - interval '1 hour' THEN '1h'
        WHEN r.healed_at > tieout.now() - interval '6 hours' THEN '6h'
        WHEN r.healed_at > tieout.now() - interval '1 day' THEN '1d'
        WHEN r.healed_at > tieout.now() - interval '7 days' THEN '7d'
        ELSE 'older'
    END AS age, count(*) AS records
FROM records r
JOIN organizations o ON o.organization_id = r.organization_id AND o.removed_at IS NULL
JOIN documents d ON d.organization_id = r.organization_id
    AND d.ledger = CASE r.object_type WHEN 'bill' THEN 'payable' ELSE 'receivable' END
    AND d.side = 'local' AND d.document_id = r.object_id::text AND d.kind <> 'credit_note' AND d.removed_at IS NULL
JOIN comparisons k ON k.organization_id = r.organization_id AND k.ledger = d.ledger AND k.certified
WHERE r.state = 'acknowledged' AND r.healed_at IS NOT NULL AND r.object_type IN ('receivable', 'bill')
    AND EXISTS (
        SELECT FROM connections c
        WHERE c.organization_id = r.organization_id AND c.removed_at IS NULL AND c.status = 'connected'
    )
    AND EXISTS (
        SELECT FROM balances b
        WHERE b.organization_id = r.organization_id AND b.ledger = d.ledger AND b.last_pull > r.healed_at
    )
    AND NOT EXISTS (
        SELECT FROM differences f WHERE f.organization_id = r.organization_id AND f.record_id = r.record_id
            AND f.resolved_at IS NULL
            AND f.kind IN ('amount', 'tax', 'currency', 'number', 'counterparty', 'duplicate_in_books')
    )
GROUP BY 1;

-- name: count_caused_duplicates :one
-- Documents that stand twice in the books and that a push of ours may have put there: not one that was refused, or never sent.
SELECT count(*) AS documents FROM differences d
JOIN organizations g ON g.organization_id = d.organization_id AND g.removed_at IS NULL
WHERE d.resolved_at IS NULL AND d.kind = 'duplicate_in_books'
    AND EXISTS (
        SELECT FROM attempts a
        LEFT JOIN attempt_outcomes o ON o.organization_id = a.organization_id AND o.record_id = a.record_id
            AND o.episode = a.episode AND o.number = a.number
        WHERE a.organization_id = d.organization_id AND a.record_id = d.record_id
            AND coalesce(o.outcome, 'uncertain') IN ('accepted', 'uncertain')
    );
