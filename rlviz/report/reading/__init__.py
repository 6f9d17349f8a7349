"""From event files to rows: what is read, which rows stand, what is gone."""
