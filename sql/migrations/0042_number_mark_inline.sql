-- The mark of a number is computed in place: a strict function of this form is called row by row, for twenty times the cost.
CREATE OR REPLACE FUNCTION tieout.number_mark(number text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT hashtextextended(CASE WHEN number ~ '[^ -~]'
        THEN regexp_replace(lower(normalize(number, NFKC) COLLATE "C"), '[^0-9a-gk-ruvxz]', '', 'g')
        ELSE translate(number, 'ABCDEFGKLMNOPQRUVXZ !"#$%&''()*+,-./:;<=>?@[\]^_`{|}~HIJSTWYhijstwy', 'abcdefgklmnopqruvxz')
    END, 0)
$$;
