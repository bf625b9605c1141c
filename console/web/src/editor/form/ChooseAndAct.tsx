/** A list to choose from and a button that does it: arrow keys in the list alone must not change anything. */

import { useState } from "react";

export interface Option {
  readonly name: string;
  readonly act: () => void;
}

interface ChooseAndActProps {
  readonly label: string;
  readonly action: string;
  readonly options: readonly Option[];
}

export function ChooseAndAct({ label, action, options }: ChooseAndActProps) {
  const [chosen, setChosen] = useState("");
  const option = options.find((each) => each.name === chosen);
  const act = () => {
    setChosen("");
    option?.act();
  };
  return (
    <span className="choose">
      <select
        aria-label={label}
        value={option === undefined ? "" : chosen}
        onChange={(event) => setChosen(event.target.value)}
      >
        <option value="">–</option>
        {options.map(({ name }) => (
          <option key={name}>{name}</option>
        ))}
      </select>
      <button type="button" className="button button--small" disabled={option === undefined} onClick={act}>
        {action}
      </button>
    </span>
  );
}
