-- The mark of a number for a fifth of the cost: whole alphabets are lowered at once, not letter by letter.

-- What domain.document.number_key holds for equal has one mark still. Letters that case folding makes of others are left out as before,
-- spaces too; what else ASCII has stays, since compatible forms of it become it. Marks are other ones than before, so what was
-- counted is made anew by the next comparison, a whole one.
TRUNCATE tieout.counted, tieout.counted_keys, tieout.counted_until;
CREATE OR REPLACE FUNCTION tieout.number_mark(number text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT hashtextextended(CASE WHEN number ~ '[^ -~]'
        THEN regexp_replace(lower(normalize(number, NFKC) COLLATE "C"), '[^!-gk-ruvxz{-~]', '', 'g')
        ELSE translate(lower(number COLLATE "C"), ' hijstwy', '')
    END, 0)
$$;
