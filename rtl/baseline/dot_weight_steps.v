// dot_weight_steps: the stream of 8-bit weights of the dot-product baseline as steps of its row engine, one a clock.
//
// An entry {last, gap[5:0], weight[7:0]} moves the input index on by gap + 1 (a row starts at -1) and adds that input
// times the weight; gap 63 moves on by 63 and adds nothing; last ends the row. A dense stream has only gaps of 0. A row
// starts from the next bias. All else is as in weight_steps.v, also the times: the weight leaves with its address.
`default_nettype none

module dot_weight_steps (
    input  wire        clk_i,
    input  wire        rst_ni,

    input  wire        start_i,
    input  wire        active_i,
    input  wire        classify_i,
    input  wire [11:0] source_i, // address of input 0
    input  wire [11:0] inputs_i,
    output wire        row_end_o, // the entry taken now ends a row
    output wire        starved_o, // active, and nothing can be taken

    input  wire        entry_valid_i,
    input  wire [14:0] entry_i,
    output wire        entry_take_o,
    input  wire        bias_valid_i,
    input  wire [23:0] bias_i,
    output wire        bias_take_o,

    output reg  [11:0] address_o,
    output reg  [ 7:0] weight_o,
    output reg         step_o,
    output reg         skip_o,
    output reg         last_o,
    output reg         clear_o,
    output reg  [ 1:0] byte_o,
    output reg  [23:0] start_o,
    output reg         wrong_o
);
  wire last = entry_i[14];
  wire skip = entry_i[13:8] == 6'd63;

  // ---- Take an entry, and with the first of a row its bias.
  reg first_q; // of a row
  reg [1:0] byte_q; // which time this row counts
  wire wants_bias = first_q && byte_q == 2'd0;
  wire final_byte = !classify_i || byte_q == 2'd2;
  wire take = active_i && entry_valid_i && (!wants_bias || bias_valid_i);

  assign entry_take_o = take;
  assign bias_take_o = take && wants_bias;
  assign row_end_o = take && last;
  assign starved_o = active_i && !take;

  // ---- Stage 1.
  reg step1_q, skip1_q, last1_q, clear1_q, restart1_q;
  reg [1:0] byte1_q;
  reg [5:0] move1_q;
  reg [7:0] weight1_q;
  reg [23:0] start1_q;
  reg [11:0] before_q, limit_q; // the addresses before the first input and of the last one

  always @(posedge clk_i) begin
    if (start_i) begin
      first_q <= 1'b1;
      byte_q  <= 2'd0;
    end else if (take) begin
      first_q <= last;
      if (last) byte_q <= final_byte ? 2'd0 : byte_q + 2'd1;
    end
    step1_q    <= rst_ni && take;
    last1_q    <= rst_ni && take && last;
    clear1_q   <= rst_ni && take && last && final_byte;
    skip1_q    <= take && skip;
    restart1_q <= first_q;
    byte1_q    <= take ? byte_q : 2'd0;
    move1_q    <= skip ? 6'd63 : entry_i[13:8] + 6'd1;
    weight1_q  <= entry_i[7:0];
    start1_q   <= {24{bias_take_o}} & bias_i;
    before_q   <= source_i - 12'd1;
    limit_q    <= source_i + inputs_i - 12'd1;
  end

  // ---- Stage 2: the address.
  reg checked_q;

  always @(posedge clk_i) begin
    step_o   <= rst_ni && step1_q;
    last_o   <= rst_ni && last1_q;
    clear_o  <= rst_ni && clear1_q;
    skip_o   <= skip1_q;
    byte_o   <= byte1_q;
    weight_o <= weight1_q;
    start_o  <= start1_q;
    if (step1_q) address_o <= (restart1_q ? before_q : address_o) + {6'd0, move1_q};
    else if (start_i) address_o <= 12'd0;
    checked_q <= step1_q && !skip1_q;
    wrong_o   <= rst_ni && checked_q && address_o > limit_q;
  end
endmodule

`default_nettype wire
