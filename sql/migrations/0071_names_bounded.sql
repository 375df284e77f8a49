-- Names that lists are ordered by are no longer than those read from now on: a page's token has to carry one.

UPDATE tieout.organizations SET name = left(name, 255) WHERE length(name) > 255;
