/** Names that others need to know without loading the rest. */

/** The tool that asks a person to agree to changed tools. */
export const REVIEW = 'review_mcp_tools';
